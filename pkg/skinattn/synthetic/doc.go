// Package synthetic makes pictures that look like dermatoscopic photos of skin
// lesions, with metadata, in the form of HAM10000. The demo, the notebooks and
// the tests run on them: no download, no licence, no patient.
//
// The seven classes show the signs that students learn: the regular
// network of a nevus, the asymmetry and blue-white veil of a melanoma, the
// milia-like cysts of a seborrhoeic keratosis, the arborising vessels of a basal
// cell carcinoma, the scale and strawberry pattern of an actinic keratosis, the
// white centre of a dermatofibroma, the lacunae of an angioma. Around them are
// the nuisances of real photos: skin tones, hair, freckles, gel bubbles, rulers,
// the round window of the dermatoscope, uneven light. Part of each class is
// drawn halfway to a nevus, so that the task cannot be solved without error.
//
// Pictures follow a simple optical model: melanin and haemoglobin darken the
// skin by the Beer-Lambert law, each with its own colour; reflecting structures
// (scar, scale, veil) are blended over it.
//
// Metrics of a network trained on these pictures say nothing about skin cancer.
package synthetic
