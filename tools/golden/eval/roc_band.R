# Pointwise intervals of a ROC curve with pROC's ci.se (stratified percentile
# bootstrap) for pkg/eval/testdata/golden/two_classes.csv; writes
# pkg/eval/testdata/inference/roc_band.csv. R 4.2.2, pROC 1.18.0. Run from this
# folder: Rscript roc_band.R
suppressMessages(library(pROC))
stopifnot(as.character(packageVersion("pROC")) == "1.18.0")
x <- read.csv("../../../pkg/eval/testdata/golden/two_classes.csv")
class <- names(x)[4]
curve <- roc(x$dx == class, x[[class]], levels = c(FALSE, TRUE), direction = "<", quiet = TRUE)
specificity <- seq(0.975, 0.025, by = -0.025) + 0.003
set.seed(2006)
rows <- lapply(c(0.8, 0.9, 0.95), function(level) {
  ci <- ci.se(curve, specificities = specificity, conf.level = level, boot.n = 20000, stratified = TRUE, progress = "none")
  at <- coords(curve, specificity, input = "specificity", ret = "sensitivity")$sensitivity
  data.frame(class = class, level = level, specificity = specificity, sensitivity = at, low = ci[, 1], high = ci[, 3])
})
rows <- do.call(rbind, rows)
rows[] <- lapply(rows, function(x) if (is.numeric(x)) formatC(x, digits = 9, format = "g", width = 1) else x)
write.csv(rows, "../../../pkg/eval/testdata/inference/roc_band.csv", row.names = FALSE, quote = FALSE)
