"""The carriers of a task: one protocol, several engines, found by name in `select`."""
