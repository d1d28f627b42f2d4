"""What is a support conversation?

Settings, the switch, a turn, its history and limits, handoff, feedback, jobs, the store.
"""
