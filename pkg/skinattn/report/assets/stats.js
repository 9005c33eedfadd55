// Pure functions of the report's movable parts. Their values are compared with package
// eval's in a test.

// curve lists the counts at every distinct threshold, falling, and at a threshold above
// all scores: true and false positives when scores of at least the threshold are called
// positive.
function curve(scores, positive) {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
  const points = [{threshold: Infinity, tp: 0, fp: 0}];
  let tp = 0, fp = 0;
  order.forEach((i, k) => {
    if (positive[i]) tp++; else fp++;
    if (k + 1 === order.length || scores[order[k + 1]] !== scores[i]) points.push({threshold: scores[i], tp, fp});
  });
  return points;
}

// rates are the shares at a point of a curve that ends in p positives and n negatives, with
// predictive values for a prevalence. A share of nothing is NaN.
function rates(point, p, n, prevalence) {
  const sensitivity = point.tp / p, specificity = 1 - point.fp / n;
  const right = sensitivity * prevalence, wrong = (1 - specificity) * (1 - prevalence);
  const cleared = specificity * (1 - prevalence), missed = (1 - sensitivity) * prevalence;
  return {sensitivity, specificity, ppv: right / (right + wrong), npv: cleared / (cleared + missed)};
}

// netBenefit is the net benefit per image (Vickers and Elkin 2006) of calling positive what
// scores at least t: true positives less false positives at the odds of t, for a prevalence.
function netBenefit(points, p, n, t, prevalence) {
  let at = points[0];
  for (const point of points) {
    if (point.threshold < t) break;
    at = point;
  }
  return at.tp / p * prevalence - at.fp / n * (1 - prevalence) * t / (1 - t);
}

// treatAll is the net benefit of calling all positive.
function treatAll(t, prevalence) { return prevalence - (1 - prevalence) * t / (1 - t); }
