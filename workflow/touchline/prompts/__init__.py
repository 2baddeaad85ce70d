"""From a sample to the text of a prompt, and from the text of an answer to intervals."""
