# A store that the page calls book.db.
rm -f book.db* copy.db*
cp build/demo.db book.db
