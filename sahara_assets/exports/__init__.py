"""Audience files: which customers go to a marketing tool, in which format, and proof that the files are right."""
