// The code of axe-core, to be evaluated in a page. Scripts outside this folder cannot
// import its packages.
import axe from 'axe-core';

export default axe.source;
