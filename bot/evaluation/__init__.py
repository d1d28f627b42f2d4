"""Which strategy answers better: question sets, runs, metrics, statistics, and the decision that follows."""
