package hdf5

import (
	"fmt"
	"slices"
	"strings"
)

// Limits far above real weights files, for crafted files.
const (
	maxNameLength = 4096 // bytes of a link's or attribute's name
	maxDepth      = 64   // depth of nested groups and of B-trees
)

// Group is an HDF5 group: named links to groups and datasets.
type Group struct {
	*object
	links  []link
	loaded bool
}

// link is one entry of a group. An empty reason means a hard link.
type link struct {
	name    string
	address uint64
	reason  string // the reason why the link can't be followed
}

// Group opens the group at path, which is relative to g and may have several
// parts. The error wraps ErrNotFound if there is none.
func (g *Group) Group(path string) (*Group, error) {
	o, err := g.open(path)
	if err != nil {
		return nil, err
	}
	if !o.isGroup() {
		return nil, o.errorf(o.address, "not a group")
	}
	return &Group{object: o}, nil
}

// Dataset opens the dataset at path, which is relative to g and may have
// several parts. The error wraps ErrNotFound if there is none.
func (g *Group) Dataset(path string) (*Dataset, error) {
	o, err := g.open(path)
	if err != nil {
		return nil, err
	}
	return newDataset(o)
}

// Walk calls visit with every dataset below g, each once however many links
// lead to it, depth first and in the order of their names.
func (g *Group) Walk(visit func(d *Dataset) error) error {
	return g.walk(func(o *object) error {
		if !o.isDataset() {
			return nil
		}
		d, err := newDataset(o)
		if err != nil {
			return err
		}
		return visit(d)
	}, map[uint64]bool{g.address: true}, 0)
}

// WalkGroups calls visit with every group below g, each once however many links lead to it,
// depth first and in the order of their names.
func (g *Group) WalkGroups(visit func(below *Group) error) error {
	return g.walk(func(o *object) error {
		if !o.isGroup() {
			return nil
		}
		return visit(&Group{object: o})
	}, map[uint64]bool{g.address: true}, 0)
}

// walk calls visit with every object below g, a group before the objects in it.
func (g *Group) walk(visit func(o *object) error, seen map[uint64]bool, depth int) error {
	if depth > maxDepth {
		return g.errorf(g.address, "groups nest deeper than %d", maxDepth)
	}
	if err := g.load(); err != nil {
		return err
	}
	for _, l := range g.links {
		if l.reason != "" || seen[l.address] {
			continue
		}
		seen[l.address] = true
		o, err := g.follow(l)
		if err != nil {
			return err
		}
		if err := visit(o); err != nil {
			return err
		}
		if !o.isGroup() {
			continue
		}
		if err := (&Group{object: o}).walk(visit, seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the group has a link of that name.
func (g *Group) Has(name string) (bool, error) {
	err := g.load()
	return err == nil && g.lookup(name) != nil, err
}

// open follows path part by part.
func (g *Group) open(path string) (*object, error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > maxDepth {
		return nil, g.errorf(g.address, "a path of %d parts", len(parts))
	}
	at := g
	for i, name := range parts {
		if err := at.load(); err != nil {
			return nil, err
		}
		l := at.lookup(name)
		if l == nil {
			return nil, at.errorf(at.address, "%q: %w", name, ErrNotFound)
		}
		o, err := at.follow(*l)
		if err != nil || i == len(parts)-1 {
			return o, err
		}
		if !o.isGroup() {
			return nil, o.errorf(o.address, "not a group")
		}
		at = &Group{object: o}
	}
	return g.object, nil
}

func (g *Group) lookup(name string) *link {
	for i := range g.links {
		if g.links[i].name == name {
			return &g.links[i]
		}
	}
	return nil
}

func (g *Group) follow(l link) (*object, error) {
	path := strings.TrimSuffix(g.path, "/") + "/" + l.name
	if l.reason != "" {
		return nil, &FormatError{Object: path, Offset: g.address, Err: fmt.Errorf("%s: %w", l.reason, ErrUnsupported)}
	}
	return g.file.openObject(path, l.address)
}

// load reads the links once.
func (g *Group) load() (err error) {
	if g.loaded {
		return nil
	}
	var links []link
	if m := g.find(msgSymbolTable); m != nil {
		links, err = g.symbolTableLinks(g.cursor(m))
	} else {
		err = g.each(linkStorage, func(c *cursor) error {
			l, err := readLink(c)
			links = append(links, l)
			return err
		})
		// The file has them in the order of creation or of a hash; old-style groups have
		// them in the order of their names.
		slices.SortFunc(links, func(a, b link) int { return strings.Compare(a.name, b.name) })
	}
	if err != nil {
		return err
	}
	names := make(map[string]bool, len(links))
	for _, l := range links {
		if names[l.name] {
			return g.errorf(g.address, "two links named %q", l.name)
		}
		names[l.name] = true
	}
	g.links, g.loaded = links, true
	return nil
}

// readLink decodes a link message (section IV.A.2.g).
func readLink(c *cursor) (link, error) {
	version, flags := c.u8(), c.u8()
	if c.err == nil && version != 1 {
		return link{}, c.errorf(0, "link message version %d: %w", version, ErrUnsupported)
	}
	kind := uint8(0)
	if flags&(1<<3) != 0 {
		kind = c.u8()
	}
	if flags&(1<<2) != 0 {
		c.skip(8) // creation order
	}
	if flags&(1<<4) != 0 {
		c.skip(1) // character set
	}
	length := c.uint(1 << (flags & 3))
	if c.err == nil && (length == 0 || length > maxNameLength) {
		c.fail("a link name of %d bytes", length)
	}
	l := link{name: string(c.bytes(length))}
	switch kind {
	case 0:
		l.address = c.u64()
	case 1:
		l.reason = "a soft link"
	default:
		l.reason = "an external link"
	}
	if c.err == nil && strings.ContainsAny(l.name, "/\x00") {
		c.fail("a link name with a slash or a zero byte: %q", l.name)
	}
	return l, c.err
}
