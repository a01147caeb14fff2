// Edits and crops between the wire API and this library.
#pragma once

#include "lib/imaging/edit.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::imaging {

inline Crop CropFromMessage(const v1::Crop& message) {
  return Crop{message.left(), message.top(), message.width(), message.height()};
}

inline Edit EditFromMessage(const v1::Edit& message) {
  Edit edit;
  edit.rotation_degrees = message.rotation_degrees();
  edit.straighten_degrees = message.straighten_degrees();
  if (message.has_crop()) edit.crop = CropFromMessage(message.crop());
  return edit;
}

}  // namespace proofline::imaging
