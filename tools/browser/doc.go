// Package browser drives the project's HTML pages in a headless Chromium, as people use
// them. Its tests are skipped where there is no Chromium.
package browser
