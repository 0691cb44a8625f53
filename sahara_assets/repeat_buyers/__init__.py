"""Who will buy again: training sets as of past moments, models, scores."""
