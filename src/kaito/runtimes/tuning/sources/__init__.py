"""Where training data comes from: addresses, an image, a hub's data set, a folder."""
