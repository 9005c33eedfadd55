package hdf5

import (
	"strings"
)

// symbolTableLinks reads an old-style group: a version-1 B-tree of symbol
// nodes, with the names in a local heap (sections III.A.1, III.B and III.D).
func (g *Group) symbolTableLinks(c *cursor) ([]link, error) {
	tree, heapAddress := c.u64(), c.u64()
	if c.err != nil {
		return nil, c.err
	}
	names, err := g.localHeap(heapAddress)
	if err != nil {
		return nil, err
	}
	var links []link
	err = g.btree1(tree, 0, 8, func(_ *cursor, node uint64) error {
		links, err = g.symbolNode(node, names, links)
		return err
	})
	return links, err
}

// localHeap returns the data segment of a local heap.
func (o *object) localHeap(address uint64) (string, error) {
	c, err := o.file.read(o.path, address, 32)
	if err != nil {
		return "", err
	}
	c.magic("HEAP")
	c.skip(4)
	length := c.u64()
	c.skip(8) // free list
	data := c.u64()
	if c.err != nil {
		return "", c.err
	}
	segment, err := o.file.read(o.path, data, length)
	if err != nil {
		return "", err
	}
	return string(segment.b), nil
}

// btree1 walks a version-1 B-tree from left to right and calls leaf with the
// key before each child of its leaves. Every node is visited once.
func (o *object) btree1(root uint64, nodeType uint8, keySize uint64, leaf func(key *cursor, child uint64) error) error {
	seen := map[uint64]bool{}
	var visit func(address uint64, depth int, level uint8) error
	visit = func(address uint64, depth int, level uint8) error {
		if seen[address] || depth > maxDepth {
			return o.errorf(address, "the B-tree points back to itself")
		}
		seen[address] = true
		head, err := o.file.read(o.path, address, 24)
		if err != nil {
			return err
		}
		head.magic("TREE")
		kind, nodeLevel, count := head.u8(), head.u8(), uint64(head.u16())
		if head.err != nil {
			return head.err
		}
		if kind != nodeType {
			return head.errorf(4, "B-tree of type %d instead of %d", kind, nodeType)
		}
		if depth > 0 && nodeLevel != level {
			return head.errorf(5, "B-tree node of level %d where %d is due", nodeLevel, level)
		}
		c, err := o.file.read(o.path, address+24, count*(keySize+8))
		if err != nil {
			return err
		}
		for range count {
			key, child := c.sub(keySize), c.u64()
			if c.err != nil {
				return c.err
			}
			if nodeLevel > 0 {
				err = visit(child, depth+1, nodeLevel-1)
			} else if seen[child] {
				err = o.errorf(address, "the B-tree names the same node twice")
			} else {
				seen[child] = true
				err = leaf(key, child)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return visit(root, 0, 0)
}

// symbolNode appends the entries of one symbol table node.
func (g *Group) symbolNode(address uint64, names string, links []link) ([]link, error) {
	head, err := g.file.read(g.path, address, 8)
	if err != nil {
		return nil, err
	}
	head.magic("SNOD")
	version := head.u8()
	head.skip(1)
	count := uint64(head.u16())
	if head.err != nil {
		return nil, head.err
	}
	if version != 1 {
		return nil, head.errorf(4, "symbol node version %d: %w", version, ErrUnsupported)
	}
	c, err := g.file.read(g.path, address+8, count*40)
	if err != nil {
		return nil, err
	}
	for range count {
		at := c.pos
		nameAt, header := c.u64(), c.u64()
		cache := c.u32()
		c.skip(4 + 16)
		if nameAt >= uint64(len(names)) {
			return nil, c.errorf(at, "a link name outside the group's heap")
		}
		name := names[nameAt:min(uint64(len(names)), nameAt+maxNameLength+1)]
		end := strings.IndexByte(name, 0)
		if end <= 0 || strings.Contains(name[:end], "/") {
			return nil, c.errorf(at, "a link name that is empty, has no end or holds a slash")
		}
		l := link{name: name[:end], address: header}
		if cache == 2 {
			l.reason = "a soft link"
		}
		links = append(links, l)
	}
	return links, c.err
}
