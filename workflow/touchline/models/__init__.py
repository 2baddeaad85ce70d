"""Model backends: their contract, their catalogue, and the stages that train and run them."""
