-- Whether who accepted a risk could lift what policy demands. Those accepted before this was kept
-- lift nothing: an administrator accepts them again where a demand needs it.
ALTER TABLE risks ADD COLUMN lifts_demands INTEGER NOT NULL DEFAULT 0;
