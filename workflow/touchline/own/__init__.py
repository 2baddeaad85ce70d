"""A video of the user's own, without a study."""
