"""The kinds of nodes that live in the editor only: they draw, note, bend links or hand on a value."""

from __future__ import annotations

from ...workflow import NOTES

PRIMITIVE = "PrimitiveNode"
"""Its one value stands on every input that it is linked to."""

SETTER, GETTER = "SetNode", "GetNode"
"""A pair that is linked by a name instead of a line."""

REROUTES = frozenset({"Reroute", "Reroute (rgthree)", SETTER})
"""What comes in at a slot goes out at the slot of the same place."""

CONTROLS = frozenset(
    {
        "Bookmark (rgthree)",
        "Label (rgthree)",
        "Fast Muter (rgthree)",
        "Fast Bypasser (rgthree)",
        "Fast Groups Muter (rgthree)",
        "Fast Groups Bypasser (rgthree)",
        "Fast Actions Button (rgthree)",
        "Mute / Bypass Relay (rgthree)",
        "Mute / Bypass Repeater (rgthree)",
        "Node Collector (rgthree)",
        "Random Unmuter (rgthree)",
    }
)
"""Buttons and labels of well-known packs that do their work in the editor."""

VIRTUAL = REROUTES | NOTES | CONTROLS | {PRIMITIVE, GETTER}
"""Every kind that never reaches a run, unless an installed pack declares a node of that name."""
