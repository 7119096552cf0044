// The four who talk, in the order of their lanes.

export const PARTIES = ["phone", "shop", "shouyin", "wechat"];

/** Middle of a party's lane, in percent of the width. */
export const laneCentre = (party) => ((PARTIES.indexOf(party) + 0.5) * 100) / PARTIES.length;
