// Package ood tells how unlike its training data a feature vector is: an out-of-distribution
// score.
//
// The score is the Mahalanobis distance of the vector, scaled to length 1, to a Gaussian
// that was fitted to those of the training data. Its covariance is that of probabilistic
// principal component analysis: the variances along the first principal components, and one
// variance for all other directions. It needs no more memory than the components, and most
// of what is foreign shows in the other directions.
//
// K. Lee, K. Lee, H. Lee, J. Shin: A simple unified framework for detecting
// out-of-distribution samples and adversarial attacks. NeurIPS (2018), with one Gaussian for
// all classes. M. E. Tipping, C. M. Bishop: Probabilistic principal component analysis.
// J. R. Stat. Soc. B 61 (1999), equations 7 and 8. H. Wang, Z. Li, L. Feng, W. Zhang: ViM:
// out-of-distribution with virtual-logit matching. CVPR (2022), of the other directions. The
// length is normalised as by Y. Sun, Y. Ming, X. Zhu, Y. Li: Out-of-distribution detection
// with deep nearest neighbors. ICML (2022).
package ood
