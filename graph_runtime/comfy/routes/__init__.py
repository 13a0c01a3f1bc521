"""The routes of the server, a module for each thing they are about."""
