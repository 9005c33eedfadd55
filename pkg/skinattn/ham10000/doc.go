// Package ham10000 reads the HAM10000 data set of dermatoscopic images: its
// metadata table, its image and mask files, and the seven diagnoses whose
// order every other package uses.
//
// A HAM10000 folder holds the table HAM10000_metadata.csv (the seven columns
// of the common redistributions or the eight of Harvard Dataverse), photos
// ISIC_*.jpg of any pixel size in any subfolders, and perhaps lesion masks
// ISIC_*_segmentation.png. [Open] indexes such a folder, [Dataset.Check]
// decodes everything in it and names missing and damaged files, and
// [Dataset.Stats] gives the distributions.
//
// Two properties of this data set mislead a newcomer. Several
// photos often show one lesion (10,015 images of 7,470 lesions), so images are
// not independent; see package split. And dx_type says how the diagnosis was
// made, which gives it away: every "follow_up" lesion is a nevus. It must never
// be a model input.
//
// Source: P. Tschandl, C. Rosendahl, H. Kittler, "The HAM10000 dataset, a large
// collection of multi-source dermatoscopic images of common pigmented skin
// lesions", Scientific Data 5, 180161 (2018), doi:10.1038/sdata.2018.161;
// files doi:10.7910/DVN/DBW86T.
package ham10000
