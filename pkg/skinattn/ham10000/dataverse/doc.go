// Package dataverse fetches HAM10000 from Harvard Dataverse (doi:10.7910/DVN/DBW86T),
// verifies it and lays it out as a HAM10000 folder: the table, photos in images,
// masks in masks.
//
// Every file has a pinned MD5, or the MD5 that Dataverse publishes; pictures appear in
// the folder only after their archive was verified and held exactly the pictures of
// the data set. The variable SKINATTN_MIRROR names a web folder with the same files
// under the same names.
package dataverse

// Licence is the text that a user must accept before the data set is fetched.
const Licence = `HAM10000 is licensed CC BY-NC 4.0 (https://creativecommons.org/licenses/by-nc/4.0/):
non-commercial use, with attribution:
  P. Tschandl, C. Rosendahl, H. Kittler: The HAM10000 dataset, a large collection of
  multi-source dermatoscopic images of common pigmented skin lesions. Scientific
  Data 5, 180161 (2018). https://doi.org/10.1038/sdata.2018.161
  (ViDIR Group, Department of Dermatology, Medical University of Vienna)
The lesion masks: P. Tschandl et al., Nature Medicine 26, 1229 (2020),
  https://doi.org/10.1038/s41591-020-0942-0`
