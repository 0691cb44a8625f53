"""Segments for customers who have attributes and no purchases yet."""
