"""A local far side to try jobs against."""
