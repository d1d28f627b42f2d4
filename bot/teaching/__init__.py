"""What the product model is taught: pairs, candidates, preferences, trainings, and what came of them."""
