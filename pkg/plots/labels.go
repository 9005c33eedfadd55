package plots

import "strings"

// metricLabels names metrics whose path is no good label.
var metricLabels = map[string]string{
	"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "paper_balanced_accuracy": "Mean of (sensitivity + specificity) / 2",
	"macro_precision": "Macro precision", "macro_recall": "Macro recall", "macro_f1": "Macro F1", "weighted_f1": "Weighted F1",
	"auroc_macro": "AUROC, macro", "auroc_weighted": "AUROC, weighted", "auroc_micro": "AUROC, micro", "ap_macro": "Average precision, macro",
	"mcc": "MCC", "kappa": "Cohen's kappa", "nll": "Log loss", "brier": "Brier score", "ece": "ECE",
	"top2_accuracy": "Top-2 accuracy", "top3_accuracy": "Top-3 accuracy",
	"f1": "F1", "auroc": "AUROC", "ap": "Average precision",
}

// MetricLabel names a metric of package eval by its path, as in "Balanced
// accuracy" or "Recall, mel".
func MetricLabel(path string) string {
	if label, ok := metricLabels[path]; ok {
		return label
	}
	if parts := strings.Split(path, "."); len(parts) == 3 { // per_class.mel.recall
		return MetricLabel(parts[2]) + ", " + parts[1]
	}
	text := strings.ReplaceAll(path, "_", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
