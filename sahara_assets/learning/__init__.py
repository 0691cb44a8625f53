"""Learners that tell two kinds of customers apart, as plain data, and how good they are."""
