"""What Kotae measures of itself, each figure beside that of what a user would use instead, in the same run."""
