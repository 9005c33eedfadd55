// Package convert makes folders of HAM10000's published form from other copies of the data
// set: exports of the ISIC Archive, folders with photos in formats that package imaging does
// not read, and the Parquet files of Hugging Face.
package convert
