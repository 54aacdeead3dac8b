"""Pages and pictures: a bundle's report, the zoo of recipes, and the engines' benchmark."""
