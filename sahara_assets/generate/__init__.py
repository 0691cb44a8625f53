"""A made-up shop as daily drops, with everything that was planted in it written down beside them."""
