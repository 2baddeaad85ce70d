"""Model backends: the contract, the catalogue, and the stages that train and ask a model."""
