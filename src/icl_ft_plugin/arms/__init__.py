"""How a world is learned, as data: an arm names what stands in the prompt or in the training rows."""
