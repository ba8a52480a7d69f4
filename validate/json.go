package validate

import "io"

// maxDepth is how deep objects and lists may hold each other.
const maxDepth = 16

func (in *intake) json(body io.Reader) stop { return fine }
