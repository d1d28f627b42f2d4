"""What Kotae measures of itself, each figure beside what a user would use instead, in the same run."""
