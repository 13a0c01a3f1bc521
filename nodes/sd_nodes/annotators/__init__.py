"""What makes control pictures of pictures: networks, geometry and drawing, on arrays and tensors."""
