"""Models on the words of the commentary: a linear one and a temporal convolutional network."""
