# Answers the cases of inference.py with pROC and R's own tests; writes CSV files
# into pkg/eval/testdata/inference. R 4.2.2, pROC 1.18.0.
suppressMessages(library(pROC))
stopifnot(as.character(packageVersion("pROC")) == "1.18.0")
out <- "../../../pkg/eval/testdata/inference"
options(digits = 17)
write <- function(rows, name) {
  rows[] <- lapply(rows, function(x) if (is.numeric(x)) formatC(x, digits = 17, format = "g", width = 1) else x)
  write.csv(rows, file.path(out, name), row.names = FALSE, quote = FALSE)
}

cases <- read.csv(file.path(out, "delong_cases.csv"))
rows <- lapply(split(cases, cases$case), function(x) suppressWarnings({
  a <- roc(x$positive, x$a, levels = c(0, 1), direction = "<", quiet = TRUE)
  b <- roc(x$positive, x$b, levels = c(0, 1), direction = "<", quiet = TRUE)
  ci <- ci.auc(a, method = "delong", conf.level = 0.95)
  test <- roc.test(a, b, method = "delong", paired = TRUE)
  data.frame(case = x$case[1], auc_a = as.numeric(auc(a)), auc_b = as.numeric(auc(b)),
             var_a = var(a, method = "delong"), var_b = var(b, method = "delong"), cov = cov(a, b, method = "delong"),
             low = ci[1], high = ci[3], z = unname(test$statistic), p = test$p.value)
}))
write(do.call(rbind, rows), "delong.csv")

set.seed(1927)
wilson <- expand.grid(n = c(1, 2, 7, 30, 996), share = c(0, 0.01, 0.3, 0.5, 0.92, 1), level = c(0.9, 0.95))
wilson$successes <- round(wilson$share * wilson$n)
ends <- mapply(function(k, n, level) suppressWarnings(prop.test(k, n, conf.level = level, correct = FALSE)$conf.int), wilson$successes, wilson$n, wilson$level)
write(data.frame(successes = wilson$successes, n = wilson$n, level = wilson$level, low = ends[1, ], high = ends[2, ]), "wilson.csv")

mcnemar <- expand.grid(only_a = c(0, 1, 3, 10, 31, 200), only_b = c(0, 1, 4, 17, 60))
mcnemar$p <- mapply(function(a, b) if (a + b == 0) 1 else binom.test(a, a + b)$p.value, mcnemar$only_a, mcnemar$only_b)
write(mcnemar, "mcnemar.csv")

t_rows <- lapply(1:30, function(i) {
  x <- round(rnorm(2 + i %% 9, 0.85, 0.02), 4)
  level <- c(0.95, 0.9, 0.99)[1 + i %% 3]
  ci <- t.test(x, conf.level = level)$conf.int
  data.frame(values = paste(formatC(x, digits = 17, format = "g", width = 1), collapse = " "), level = level, mean = mean(x), sd = sd(x), low = ci[1], high = ci[2])
})
write(do.call(rbind, t_rows), "t.csv")

holm <- lapply(1:30, function(i) {
  p <- round(runif(1 + i %% 8)^3, 4)
  if (i %% 4 == 0) p[1] <- NA
  if (i %% 5 == 0) p <- c(p, p)
  text <- function(x) paste(ifelse(is.na(x), "NaN", formatC(x, digits = 17, format = "g", width = 1)), collapse = " ")
  data.frame(p = text(p), adjusted = text(p.adjust(p, "holm")))
})
write(do.call(rbind, holm), "holm.csv")
