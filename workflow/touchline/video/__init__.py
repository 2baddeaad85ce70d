"""Video: a half's video is cut into chunks, whose frames have exact times."""
