"""What is a support conversation? Settings, the switch, a turn, history, limits, handoff, feedback, jobs, the store."""
