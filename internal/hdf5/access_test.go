package hdf5

import "fmt"

// The tests compare values with h5py's that no reader of Keras's files needs.

// Children returns the names of the group's links in byte order.
func (g *Group) Children() ([]string, error) {
	err := g.load()
	var names []string
	for _, l := range g.links {
		names = append(names, l.name)
	}
	return names, err
}

// Int64s returns the value of an integer attribute.
func (a *Attr) Int64s() ([]int64, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.int64s()
}

// Int64s reads all values of an integer dataset in C order.
func (d *Dataset) Int64s() ([]int64, error) {
	v, err := d.values()
	if err != nil {
		return nil, err
	}
	return v.int64s()
}

// Strings reads all values of a string dataset in C order.
func (d *Dataset) Strings() ([]string, error) {
	v, err := d.values()
	if err != nil {
		return nil, err
	}
	return v.strings()
}

func (v *values) int64s() ([]int64, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	if v.n > 0 && v.kind.class != classInteger && v.kind.class != classEnum {
		return nil, v.errorf("type %s where integers are wanted", v.kind)
	}
	out := make([]int64, v.n)
	for i := range out {
		element := v.element(i)
		for k := range element {
			if v.kind.bigEndian {
				out[i] |= int64(element[k]) << (8 * (len(element) - 1 - k))
			} else {
				out[i] |= int64(element[k]) << (8 * k)
			}
		}
		if shift := 64 - 8*len(element); v.kind.signed {
			out[i] = out[i] << shift >> shift
		} else if out[i] < 0 {
			return nil, fmt.Errorf("element %d is too large", i)
		}
	}
	return out, nil
}
