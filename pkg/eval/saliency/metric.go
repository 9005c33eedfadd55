package saliency

// Metric is one of the numbers that a map gets; the package documentation
// defines them.
type Metric int

// The metrics. Deletion is better when lower, all others when higher.
const (
	MassInside Metric = iota
	Pointing
	PointingNear
	IoU
	AUC
	Deletion
	Insertion
	NumMetrics
)

var metricNames = [NumMetrics]string{"mass_inside", "pointing", "pointing_near", "iou", "auc", "deletion", "insertion"}

var metricLabels = [NumMetrics]string{"Mass inside", "Pointing game", "Pointing, near", "IoU, top area", "AUC", "Deletion", "Insertion"}

// Label names the metric for axes and headings.
func (m Metric) Label() string { return metricLabels[m] }

// String is the metric's name in CSV and JSON.
func (m Metric) String() string { return metricNames[m] }

// LowerIsBetter reports whether a good map has a low value.
func (m Metric) LowerIsBetter() bool { return m == Deletion }

// OfCurve reports whether the metric comes from predictions of changed pictures,
// and not from the mask.
func (m Metric) OfCurve() bool { return m == Deletion || m == Insertion }

// Scores are the metrics of one map; NaN where undefined or not measured.
type Scores [NumMetrics]float64
