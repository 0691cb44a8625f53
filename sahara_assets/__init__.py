"""Sahara: customer segments from the files a shop already exports."""
