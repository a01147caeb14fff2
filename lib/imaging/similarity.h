// How alike two pictures look.
#pragma once

namespace proofline::imaging {

struct Similarity {
  // Structural similarity of luma, 1 for equal pictures, near 0 for unrelated ones.
  double ssim = 0;
  // Mean CIE Delta E 2000 of all pixels, 0 for equal colours; about 1 is just visible.
  double mean_delta_e = 0;
};

}  // namespace proofline::imaging
