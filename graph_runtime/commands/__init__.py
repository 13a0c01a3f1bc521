"""The commands of `controlgraph`: one module each, imported when the command is invoked."""

COMMANDS = {
    "run": "Run workflows.",
    "validate": "Check workflows in full without running them.",
    "explain": "Tell what a run would compute, and why.",
    "nodes": "Show the nodes that workflows can name.",
    "draw": "Draw a workflow as SVG or PNG.",
    "convert": "Write a workflow in another format: the API's, the editor's, a Python script.",
    "packs": "Look after the packs of your pack folder.",
    "cache": "Look after the kept results.",
    "serve": "Start the editor in the browser.",
}
"""What each command is for; its module bears its name and holds it as `command`."""

ENTRY_POINTS = "graph_runtime.commands"
"""The entry-point group in which packs name commands of their own."""
