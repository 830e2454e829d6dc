package policy

import "fmt"

// Place names another place for calls, as a Config can: a model or a region. Exactly one field
// is set. Which target a Place becomes is up to the program: see interceptor.WithPlaces.
type Place struct {
	// Model is the name of a model, such as "models/gemini-2.5-flash".
	Model string
	// Region is the name of a region, such as "us-east1".
	Region string
}

// String returns "model m" or "region r".
func (p Place) String() string {
	if p.Region != "" {
		return "region " + p.Region
	}
	return "model " + p.Model
}

// validatePlaces returns an error for each invalid or repeated place.
func validatePlaces(where string, places []Place) (errs []error) {
	seen := map[Place]bool{}
	for i, p := range places {
		switch {
		case (p.Model == "") == (p.Region == ""):
			errs = append(errs, fmt.Errorf("%starget %d: want a model or a region, one of them", where, i+1))
		case seen[p]:
			errs = append(errs, fmt.Errorf("%starget %d: %v: given twice: want each once", where, i+1, p))
		}
		seen[p] = true
	}
	return errs
}
