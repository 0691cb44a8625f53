"""`sahara init`: look at a stranger's CSVs, say what they hold and how sure that is, and write a commented `sahara.toml`."""
