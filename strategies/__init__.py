"""How is an answer made? The contract of a strategy, the strategies that ship, and their combinations."""
