"""Tests of one floor, or what they need."""
