"""A match as requests to a server: questions, frames of video, and answers as predictions."""
